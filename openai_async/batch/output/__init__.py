"""Write OUT and its in-flight journal, and read them again when a run is resumed.

The one rule: a line is on the disk before its row counts as done. `disk` alone changes files, and `output_lines` alone
knows the format of a line. To add a field to a line's id, extend `spent`, so that older lines can still be read.
"""
