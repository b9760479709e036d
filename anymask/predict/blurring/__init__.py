"""What nobody should be recognised by: faces and licence plates, found and blurred."""
