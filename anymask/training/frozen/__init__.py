"""What training asks of an encoder that does not learn."""
