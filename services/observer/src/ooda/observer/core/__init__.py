"""What the observer decides: one pure fold over what the cluster and the clock say."""
