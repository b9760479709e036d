"""What image files hold, as it is stored, and how that becomes 8 bits of light."""
