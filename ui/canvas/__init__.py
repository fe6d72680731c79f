"""What the plugin draws on the map canvas and takes from it."""
