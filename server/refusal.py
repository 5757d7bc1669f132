"""Why a command could not be done, in words for whoever typed it."""


class Refused(Exception):
    """The message is the whole explanation: it is printed alone, without a traceback."""
