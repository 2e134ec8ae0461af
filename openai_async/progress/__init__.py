"""Progress of maps and batches: in a terminal, in a notebook, in a log. rich and others are loaded on use.

show            `show_progress()`: picks the display
terminal        a bar and a few lines, by rich
text            progress in words and numbers
output_stream   a text stream that may fail without harm
"""
