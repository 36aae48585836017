"""The pages of the app, section by section, in the order of the course."""

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {  # section -> file in pages/ -> title, icon
    "Text": {"text/dataset.py": ("Dataset", ":material/menu_book:")},
    "Count": {
        "count/bigram.py": ("Bigram", ":material/grid_on:"),
        "count/neural_bigram.py": ("Neural bigram", ":material/gradient:"),
    },
    "Train": {
        "train/mlp.py": ("MLP", ":material/hub:"),
        "train/initialisation.py": ("Initialisation", ":material/start:"),
        "train/learning_rate.py": ("Learning rate", ":material/speed:"),
        "train/embeddings.py": ("Embeddings", ":material/scatter_plot:"),
        "train/wavenet.py": ("WaveNet", ":material/account_tree:"),
    },
    "Classify": {
        "classify/linear.py": ("Linear classifier", ":material/bubble_chart:"),
        "classify/images.py": ("Image classifier", ":material/image:"),
    },
    "Remember": {
        "remember/rnn.py": ("RNN", ":material/history:"),
        "remember/lstm.py": ("GRU & LSTM", ":material/memory:"),
    },
    "Inside": {
        "inside/backprop.py": ("Backprop", ":material/undo:"),
        "inside/activations.py": ("Activations & gradients", ":material/monitor_heart:"),
        "inside/batch_norm.py": ("BatchNorm", ":material/align_vertical_center:"),
    },
    "Lab": {
        "lab/sample.py": ("Sample", ":material/edit_note:"),
        "lab/runs.py": ("Runs", ":material/table_rows:"),
        "lab/recipes.py": ("Recipes", ":material/science:"),
    },
}
DEFAULT = "train/mlp.py"
