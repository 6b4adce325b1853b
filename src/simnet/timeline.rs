//! When faults begin and end: at set moments, in a rhythm, or at random seeded ones.
