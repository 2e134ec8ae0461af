"""Progress of maps and batches in a terminal, a notebook or a log. rich and tqdm are loaded on use.

show            `show_progress()`: picks the display
terminal        a bar and a few lines, by rich
text            progress in words and numbers
output_stream   a text stream that may fail without harm

To add a display, write a subclass of `ProgressDisplay` in `show`, and name it in `show_progress`. To show another
figure, add it to `text` and use it in `terminal`.
"""
