"""The record of every answer: written before it leaves, moved to where it is kept, erasable."""
