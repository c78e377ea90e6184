"""Faults of one pod's network, made on its node and ended there: the hands of the fault-agent."""
