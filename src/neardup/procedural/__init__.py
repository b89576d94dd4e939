"""Pictures from formulas: training needs no file, and picture i of seed s is always the same.

Each kind follows the statistics that make photographs learnable: occlusion with sizes from a power
law (Lee, Mumford & Huang 2001), a 1/f spectrum with correlated colours (Baradad et al. 2021),
self-similar form (Kataoka et al. 2020), and the flat, lettered pages that cameras never see.
"""

from neardup.procedural.mixture import KINDS, generate, kind_of

__all__ = ["KINDS", "generate", "kind_of"]
