"""Optional neighbours, one file each. Nothing here is imported unless it is asked for.

progress    `show_progress()`: what a map or a batch shows while it runs;  figures: its words and numbers
live        the same drawn again and again in a terminal, by rich
"""
