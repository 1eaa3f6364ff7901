"""What all widgets share: colours, style, keys, and how a widget is shown and opened early."""
