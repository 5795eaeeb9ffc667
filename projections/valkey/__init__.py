"""What Valkey holds of the drivers: key names, and the server-side functions that write and read them."""
