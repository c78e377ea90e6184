"""Faults of one pod, made on its node and ended there: the hands of the fault-agent."""
