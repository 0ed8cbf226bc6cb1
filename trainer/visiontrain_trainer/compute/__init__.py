"""What arithmetic needs: the device, noise, lean imports."""
