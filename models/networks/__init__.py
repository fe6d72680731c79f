"""The networks in torch: from a card or a checkpoint to a module with its weights."""
