"""
Reading all of a log with the library of its format, in a process of its own.

``child`` is the way in. The other modules run in that process alone: what they meet may take
memory without end, or never come back.
"""
