"""The networks: U-T&T, checkpoints, model cards, the library of installed models and the classes."""
