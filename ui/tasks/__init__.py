"""Work in the background: tasks, questions to the engine, and rows that show them."""
