"""Finding other models: the catalogue, the hub's search, what a repository offers, what of it fits here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from desktop.workbench.collection import Collection
from models.catalogue import Entry, Purpose, Recommendation, Verdict, catalogue, recommend
from models.download import RemoteFile, target_path
from models.downloads import Downloads, Item
from models.errors import UserError
from models.hub import Found, Hub, Offer, Repository, Sort


@dataclass(frozen=True)
class RepositoryFacts:
    """A repository as it looks from this computer.

    Attributes:
        verdicts: whether an offer fits, by the path of its first file; without those not known.
        here: paths in the repository that are on this computer already.
    """

    repository: Repository
    verdicts: Mapping[str, Verdict]
    here: frozenset[str]


class Finder:
    """What can be found and fetched. Every method may be called from any thread, and may wait for the hub."""

    def __init__(self, hub: Hub, collection: Collection, downloads: Downloads) -> None:
        self.hub = hub
        self._collection, self._downloads = collection, downloads

    def recommendations(self, purpose: Purpose | None = None) -> list[Recommendation]:
        """The catalogue's models for a purpose, the best for this computer first; asks nobody."""
        ram, vram = self._collection.memory()
        return recommend(catalogue(), ram, vram, purpose)

    def search(
        self, text: str, *, sort: Sort = "downloads", max_parameters: int | None = None
    ) -> list[Found] | str:
        """Repositories for these words; for the address of one, that repository's name."""
        if "/" in text and (address := self.hub.resolve(text)) is not None:
            return address.repo
        return self.hub.search(text, sort=sort, max_parameters=max_parameters)

    def repository(self, repo: str) -> RepositoryFacts:
        """What a repository offers, and what of it fits; reads the header of one of its files."""
        repository = self.hub.repository(repo)
        verdicts = self._verdicts(repository)
        present = frozenset(
            file.path for offer in repository.offers for file in offer.files if self._is_here(file)
        )
        return RepositoryFacts(_recommended(repository, verdicts), verdicts, present)

    def _is_here(self, file: RemoteFile) -> bool:
        try:
            return target_path(self._downloads.folder, file.repo, file.path).exists()
        except UserError:
            return False  # a name that is not stored here

    def card(self, repository: Repository) -> str:
        """What its makers say."""
        return self.hub.card(repository.repo, repository.revision)

    def page_of(self, repo: str) -> str:
        """The address of a repository's page."""
        return f"{self.hub.network.endpoint}/{repo}"

    # ------------------------------------------------------------ downloading

    def download(self, repository: Repository, offer: Offer) -> Item:
        """Put an offer with its image part into the queue."""
        name = offer.name or repository.name.removesuffix("-GGUF")
        title = " ".join(part for part in (name, offer.quantization) if part)
        return self._downloads.add(repository.repo, repository.revision, offer.with_projector, title)

    def download_entry(self, entry: Entry) -> Item:
        """Put a model of the catalogue into the queue."""
        repository = self.hub.repository(entry.repo)
        return self._downloads.add(
            repository.repo,
            repository.revision,
            repository.choose(entry.files[0]).with_projector,
            f"{entry.name} {entry.quantization}",
        )

    def download_named(self, text: str, wanted: str = "") -> Item:
        """Put what an address names into the queue; `wanted` is a file or a quantization of it."""
        address = self.hub.resolve(text)
        if address is None:
            raise UserError(
                "{text} is not a repository of the hub.",
                hint="Name it as publisher/repository, or paste the address of its page.",
                code="bad_address",
                text=text[:200],
            )
        repository = self.hub.repository(address.repo, address.revision)
        return self.download(repository, repository.choose(wanted or address.wanted))

    def _verdicts(self, repository: Repository) -> dict[str, Verdict]:
        """Whether each offer fits; the others are taken to differ from the smallest in size alone."""
        if not repository.offers:
            return {}
        first = min(repository.offers, key=lambda offer: offer.size)
        try:
            header = self.hub.header(first.files[0])
            verdicts = self._collection.verdicts(header, [offer.size for offer in repository.offers])
        except UserError:
            return {}  # a header that cannot be read is told when the file is there
        paths = (offer.files[0].path for offer in repository.offers)
        return dict(zip(paths, verdicts, strict=True))


def _recommended(repository: Repository, verdicts: Mapping[str, Verdict]) -> Repository:
    """The repository with the star at the usual offer, or at the largest that fits here."""
    usual = next((offer for offer in repository.offers if offer.recommended), None)
    fitting = [offer for offer in repository.offers if verdicts.get(offer.files[0].path) == "fits"]
    if usual is None or usual in fitting or not fitting:
        return repository
    best = max((offer for offer in fitting if offer.size < usual.size), key=lambda o: o.size, default=usual)
    return replace(
        repository, offers=tuple(replace(offer, recommended=offer is best) for offer in repository.offers)
    )
