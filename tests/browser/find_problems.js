// What sticks out of the window, is cut, overlaps, or is too high on a page, in words.
() => {
    const problems = [];
    const shown = (node) => node.checkVisibility() && node.getBoundingClientRect().width > 0 && getComputedStyle(node).opacity !== "0";
    const says = (node) => `${node.tagName} ${node.closest('[class*="st-key-"]')?.className.match(/st-key-\S+/)?.[0]} `
        + node.textContent.trim().slice(0, 40);
    const clips = (node) => node && (/auto|scroll|hidden|clip/.test(getComputedStyle(node).overflowX)
        || node.matches('[data-testid="stMain"]') ? node : clips(node.parentElement));

    // what sticks out of the window and cannot be scrolled to
    for (const node of document.querySelectorAll('[data-testid="stMain"] *')) {
        const { left, right, width } = node.getBoundingClientRect();
        const floats = node.closest('[data-testid="stElementToolbar"]'); // appears on hover
        const isOutside = width && node.checkVisibility() && !floats && (left < -1 || right > innerWidth + 1);
        if (isOutside && clips(node.parentElement).matches('[data-testid="stMain"]'))
            problems.push(`outside: ${says(node)} from ${left} to ${right}`);
    }

    for (const chart of document.querySelectorAll(".js-plotly-plot")) {
        const box = chart.getBoundingClientRect();
        if (box.height > 2.5 * innerWidth) problems.push(`too high: ${says(chart)} ${box.height}`);
        const texts = [...chart.querySelectorAll("svg text")].filter((text) => text.textContent.trim() && shown(text));
        const place = (text) => { // inside the chart, which may scroll sideways
            const { left, right, top, bottom } = text.getBoundingClientRect();
            const start = box.left - chart.scrollLeft;
            return { left: left - start, right: right - start, top: top - box.top, bottom: bottom - box.top };
        };
        for (const text of texts) {
            const { left, right, top, bottom } = place(text);
            if (left < -2 || top < -2 || right > chart.scrollWidth + 2 || bottom > box.height + 2)
                problems.push(`cut: ${says(text)} ${[left, right, top, bottom].map(Math.round)}`);
        }
        // a rotated text has a larger box than it fills; texts at points may be as close as the points
        const straight = texts.filter((text) => !text.closest(".textpoint, .trace, .hm, .bars, .heatmaplayer")
            && [0, -90].includes(Math.round(+(text.getAttribute("transform")?.match(/rotate\(([^,)]+)/)?.[1] ?? 0))));
        const places = straight.map(place);
        places.forEach((a, i) => places.slice(i + 1).forEach((b, j) => {
            const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            const area = Math.min(...[a, b].map(({ left, right, top, bottom }) => (right - left) * (bottom - top)));
            if (width > 0 && height > 0 && width * height > 0.35 * area)
                problems.push(`overlap: ${says(straight[i])} and ${straight[i + 1 + j].textContent.slice(0, 40)}`);
        }));
    }
    return [...new Set(problems)].slice(0, 20);
}
