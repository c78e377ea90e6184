"""Faults inside of one container: its clock, its main process, its disk."""
