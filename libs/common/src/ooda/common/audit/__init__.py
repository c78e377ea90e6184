"""The audit trail, as it is read: the hash chain, its verification, what people ask about."""
