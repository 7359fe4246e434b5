"""The rules, pure: standard library only; no await, no clock, no random, no I/O."""
