"""Use cases: one async function each, lock → load → decide (market) → store → announce."""
