"""The vocabulary: what people declare, what the controller reports, and the values that pass between its parts."""
