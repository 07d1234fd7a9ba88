"""feedbot turns a folder of articles into feeds, and keeps them fresh."""

__version__ = "0.2.0"
