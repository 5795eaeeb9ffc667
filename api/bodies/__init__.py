"""What requests carry, one file per audience. Structs at the edge: bounded, strict, and not the domain's."""
