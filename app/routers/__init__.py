"""HTTP only: parse, name the actor, call one service, shape the answer."""
