"""Just enough of geni-lib to run the profile in a test: the same names and arguments, and nothing else.

geni-lib of PyPI does not import under Python 3.11 and later. This has what the profile uses, refuses every attribute that
geni-lib's classes do not have, and writes the same elements.
"""
