// A miniature of a recorded run: an SVG of the repository, put into the page so that it has the page's colors.
export default function ({ data, parentElement }) {
  const node = parentElement.querySelector(".miniature");
  if (!node.firstChild) node.innerHTML = data;
}
