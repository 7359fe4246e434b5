"""Gengheng 耕衡: a provincial exchange for farmland-balance and linkage indicators."""
