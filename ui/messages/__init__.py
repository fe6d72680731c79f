"""What the plugin says: sentences in the message bar, and the details behind them."""
