"""From pairs of near pictures to groups without chains, the copy to keep in front."""

from collections.abc import Sequence

import numpy as np

from neardup.images.raw import RAW
from neardup.library.file import Picture
from neardup.scan.decisions import Decisions, ordered
from neardup.scan.grouping import group
from neardup.scan.original import UNDECIDED, Originals
from neardup.scan.result import NO_EVIDENCE, DuplicateGroup, Evidence, Member
from neardup.search.exact import Pairs

NO_ORIGINALS = Originals({})

MOST_COMPARED = 10
"""Copies of a picture on either side of it, the nearest, among which originals are looked for: in
a group of thousands each with each would take hours."""


def without_untouched(pairs: Pairs, left: Sequence[Picture], right: Sequence[Picture]) -> Pairs:
    """Drop the pairs of which neither side may be touched: there is nothing to decide."""
    fixed_left = np.array([picture.untouched for picture in left], dtype=bool)
    fixed_right = np.array([picture.untouched for picture in right], dtype=bool)
    return pairs.chosen(~(fixed_left[pairs.left] & fixed_right[pairs.right]))


def without_decided(
    pairs: Pairs, left: Sequence[Picture], right: Sequence[Picture], decisions: Decisions
) -> Pairs:
    """Drop the pairs that a person said are different."""
    rows = {picture.sha256: row for row, picture in enumerate(left)}
    columns = {picture.sha256: row for row, picture in enumerate(right)}
    apart = {
        rows[first] * len(right) + columns[second]
        for pair in decisions.different
        for first, second in (pair, pair[::-1])
        if first in rows and second in columns
    }
    return pairs.chosen(~np.isin(pairs.left * len(right) + pairs.right, list(apart)))


def groups_within(
    pictures: Sequence[Picture],
    pairs: Pairs,
    decisions: Decisions,
    evidence: Evidence = NO_EVIDENCE,
    originals: Originals = NO_ORIGINALS,
) -> list[DuplicateGroup]:
    """Groups of near-duplicates and of identical files, surest first, the one to keep in front."""
    lost = np.zeros(len(pictures), dtype=np.int64)  # comparisons, less those won
    compared = pairs.nearest_of_each(MOST_COMPARED)
    for i, j in zip(compared.left.tolist(), compared.right.tolist(), strict=True):
        winner, _ = originals.compare(pictures[i], pictures[j])
        lost[i] += winner
        lost[j] -= winner
    order = sorted(
        range(len(pictures)),
        key=lambda row: (
            not pictures[row].reference,
            pictures[row].sha256 not in decisions.keep,
            lost[row],
            pictures[row].preference,
        ),
    )
    rank = np.empty(len(pictures), dtype=np.int64)
    rank[order] = np.arange(len(pictures))
    groups = []
    grouped: set[str] = set()
    apart = decisions.different
    for found in group(pairs, rank):
        rows = [found.representative, *found.members.tolist()]
        distances = [0.0, *found.distance.tolist()]
        first = pictures[found.representative]
        members = tuple(
            _member(first, pictures[row], distance, evidence)
            for row, distance in zip(rows, distances, strict=True)
            if ordered(first.sha256, pictures[row].sha256) not in apart
        )
        if len(members) == 1:
            continue
        groups.append(DuplicateGroup(members, *why_first(members, decisions, originals)))
        grouped |= {member.picture.sha256 for member in members}
    for picture in pictures:
        if len(picture.files) > 1 and picture.sha256 not in grouped and not picture.untouched:
            members = (Member(picture, 0.0, 1.0),)
            groups.append(DuplicateGroup(members, *why_first(members, decisions, originals)))
    return sorted(groups, key=_surest_first)


def groups_across(
    references: Sequence[Picture],
    candidates: Sequence[Picture],
    pairs: Pairs,
    evidence: Evidence = NO_EVIDENCE,
) -> list[DuplicateGroup]:
    """For each reference that has copies among the candidates, all of them, surest first.

    Args:
        references: pictures of the folder compared against.
        candidates: pictures of the folder scanned.
        pairs: (reference, candidate) rows within the threshold.
    """
    copies: dict[int, list[Member]] = {}
    for i, j, distance in zip(*(column.tolist() for column in pairs), strict=True):
        member = _member(references[i], candidates[j], distance, evidence)
        copies.setdefault(i, []).append(member)
    groups = []
    for row, members in copies.items():
        members.sort(key=lambda member: (member.distance, member.picture.preference))
        first = Member(references[row], 0.0, 1.0)
        groups.append(DuplicateGroup((first, *members), "it is in the folder compared against"))
    return sorted(groups, key=_surest_first)


def _member(first: Picture, picture: Picture, distance: float, evidence: Evidence) -> Member:
    if picture is first:
        return Member(picture, 0.0, 1.0)
    return Member(
        picture,
        distance,
        evidence.probability(first, picture, distance),
        evidence.match(first, picture),
        evidence.matches.looked_at(first.sha256, picture.sha256),
    )


def has_own_content(member: Member, first: Picture) -> bool:
    """Whether a member may show what the first lacks, or the first what it lacks: by how they
    match, or for one of them is a RAW file and the other was developed, with some care perhaps."""
    if member.match is not None and member.match.kind.of_parts:
        return True
    return (member.picture.facts.format == RAW) != (first.facts.format == RAW)


def why_first(
    members: Sequence[Member], decisions: Decisions, originals: Originals
) -> tuple[str, bool]:
    """Why the first is the one to keep, and whether it is: nothing may tell that."""
    first, *others = [member.picture for member in members]
    if first.sha256 in decisions.keep:
        return "you chose it", True
    if not others:
        return "the files are identical; " + _why_file(first), True
    if any(has_own_content(member, first) for member in members):
        return "each may show what the other does not", False
    compared = [originals.compare(first, other) for other in others]
    if first.reference:
        facts = first.facts
        if any(
            winner > 0 and facts.width * facts.height < other.facts.width * other.facts.height
            for (winner, _), other in zip(compared, others, strict=True)
        ):
            return "it is a reference, though a larger copy seems the original", False
        return "it is a reference", True
    if all(winner < 0 for winner, _ in compared):
        reasons = dict.fromkeys(words for _, words in compared)
        return "; ".join(reasons), True
    if len(others) > 1:
        return UNDECIDED + " of all", False
    return UNDECIDED, False


def _why_file(picture: Picture) -> str:
    first, *others = picture.files
    if first.reference:
        return "this one is a reference"
    if others and min(file.preference for file in others) < first.preference:
        return "this one lies with what belongs to it"
    if others and first.link < others[0].link:
        return "this one is no link"
    if others and first.modified < others[0].modified:
        return "this one is the oldest"
    return "this one has the shortest or first name"


def _surest_first(found: DuplicateGroup) -> tuple[float, str]:
    return found.farthest, found.members[0].picture.sha256
