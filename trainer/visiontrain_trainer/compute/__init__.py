"""Parts of all computing: the device, the diffusion's noise, lean imports of libraries."""
