"""The mechanisms: each plans the steps of a fault from what is there.

Applying and undoing are the same for all of them: a step is data in the journal, and
``ooda.injector.steps`` does what it says.
"""
