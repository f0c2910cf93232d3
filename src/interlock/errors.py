"""Every error that Interlock raises on purpose.

InterlockError
├── ConfigurationError        a setting, policy or command line that cannot be used
│   └── PolicyError           a policy file in which a key or value does not fit
├── SignatureError            a description of inputs and outputs that contradicts itself
├── PackageError              a package that cannot be built or used
│   ├── ConversionError       the model cannot become one ONNX graph
│   ├── ParityError           the graph does not answer as the model did
│   ├── IntegrityError        a file is not the one that was packaged
│   ├── FormatError           written in a format that this release does not read
│   └── VersionError          a semantic version too low for its change, or not one at all
├── RegistryError             the registry refused, or could not be reached
│   ├── UnknownError          no such model, version or alias
│   ├── ConflictError         somebody else was first, or the name is taken
│   └── PromotionError        the evidence does not allow this promotion
├── EvidenceError             rows from which no figure or split can be worked out
│   └── LeakageError          the same rows, or rows of one group, in two splits
├── EngineError               the model failed on input that its signature accepts
├── JournalError              the record of answers cannot be written, read or kept
│   ├── SpoolError            the spool cannot take a record: full, or not writable
│   ├── BusyError             another server writes to this journal
│   ├── DatabaseError         the database cannot be reached, or refused
│   ├── SchemaError           the database is of another release
│   └── KeyStoreError         a key that is missing, wrong, or cannot be fetched
├── ServerError               a server under test does not start, or does not answer
└── RequestError              what a caller sent cannot be answered (see the classes below)

Each class carries the exit code that the command line ends with and, for what can happen to a
request, the HTTP status. Nothing here knows of a web framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class InterlockError(Exception):
    """Root of the tree: catch it to catch all of ours and nothing else."""

    code: ClassVar[str] = "interlock_error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 3


class ConfigurationError(InterlockError):
    """A setting, policy or command line that cannot be used; names the key and the value."""

    code = "configuration"
    exit_code = 2


class PolicyError(ConfigurationError):
    """A policy file in which keys or values do not fit; each of `problems` names one."""

    code = "policy"

    def __init__(self, problems: Sequence[str], file: str = "the policy") -> None:
        several = f"{file} has {len(problems)} problems:\n  " + "\n  ".join(problems)
        super().__init__(several if len(problems) > 1 else f"{file}: {problems[0]}")
        self.problems = tuple(problems)


class SignatureError(InterlockError):
    """A description of inputs and outputs that contradicts itself."""

    code = "signature"
    exit_code = 2


class PackageError(InterlockError):
    """A package that cannot be built or used."""

    code = "package"


class ConversionError(PackageError):
    """The model cannot become one ONNX graph."""

    code = "conversion"


class ParityError(PackageError):
    """The graph does not answer as the original model did."""

    code = "parity"
    exit_code = 1


class IntegrityError(PackageError):
    """A file is not the one that was packaged, or its signature does not hold."""

    code = "integrity"
    exit_code = 1


class FormatError(PackageError):
    """Written in a format that this release of Interlock does not read."""

    code = "format"


class VersionError(PackageError):
    """A semantic version that is too low for its change, or that is not one."""

    code = "version"
    exit_code = 1


class RegistryError(InterlockError):
    """The registry refused, or could not be reached."""

    code = "registry"


class UnknownError(RegistryError):
    """No such model, version or alias."""

    code = "unknown"
    status = 404


class ConflictError(RegistryError):
    """Somebody else was first, or the name is taken."""

    code = "conflict"
    status = 409


class PromotionError(RegistryError):
    """The evidence does not allow this promotion; a person may still force it."""

    code = "promotion"
    exit_code = 1


class EvidenceError(InterlockError):
    """Rows from which no figure or split can be worked out."""

    code = "evidence"
    exit_code = 2


class LeakageError(EvidenceError):
    """The same rows, or rows of one group, in two splits: judging by them would flatter."""

    code = "leakage"
    exit_code = 1


class EngineError(InterlockError):
    """The model failed on input that its signature accepts."""

    code = "engine_failed"


class JournalError(InterlockError):
    """The record of answers cannot be written, read or kept."""

    code = "journal"


class SpoolError(JournalError):
    """The spool cannot take a record: it is full, or not writable."""

    code = "spool"


class BusyError(JournalError):
    """Another server writes to this journal."""

    code = "busy"


class DatabaseError(JournalError):
    """The database of the journal cannot be reached, or refused what was asked."""

    code = "database"


class SchemaError(DatabaseError):
    """The tables of the database are of another release of Interlock."""

    code = "schema"


class OutdatedError(JournalError):
    """Somebody was erased while records were on their way: who is left out has to be asked anew."""

    code = "outdated"


class KeyStoreError(JournalError):
    """A key that is missing, wrong, or cannot be fetched."""

    code = "keys"


class ServerError(InterlockError):
    """A server under test does not start, does not answer, or does not end."""

    code = "server"


class RequestError(InterlockError):
    """What a caller sent cannot be answered.

    Parameters
    ----------
    message
        One sentence for the caller.
    path
        JSON path of the field at fault (``$.beat[3]``), or None where no field is at fault.
    expected, got
        What would have been accepted and what came, in words; None where there is nothing to say.
    headers
        Extra HTTP headers of the answer, such as ``Allow`` or ``Retry-After``.
    """

    code = "bad_request"
    status = 400
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.expected = expected
        self.got = got
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """What the caller is told: code, message, and path, expected and got where known."""
        said = {
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "expected": self.expected,
            "got": self.got,
        }
        return {key: value for key, value in said.items() if value is not None}


class MalformedError(RequestError):
    """The body is not JSON, or not laid out as the protocol says."""

    code = "malformed"


class TypeMismatchError(RequestError):
    """A value of the wrong type."""

    code = "wrong_type"


class ShapeError(RequestError):
    """A tensor of the wrong shape."""

    code = "wrong_shape"


class MissingFieldError(RequestError):
    """A field that the signature needs is absent."""

    code = "missing_field"


class UnknownFieldError(RequestError):
    """A field that the signature does not know."""

    code = "unknown_field"


class UnknownCategoryError(RequestError):
    """A category outside the allowed values."""

    code = "unknown_category"


class NotFiniteError(RequestError):
    """NaN or infinity where a number must be finite."""

    code = "not_finite"


class OutOfRangeError(RequestError):
    """A value outside its declared range, where the policy is to reject."""

    code = "out_of_range"


class EmptyBatchError(RequestError):
    """No record at all."""

    code = "empty_batch"


class BodySizeError(RequestError):
    """The body is larger than the server accepts."""

    code = "body_too_large"
    status = 413


class HeaderSizeError(RequestError):
    """The address and headers are larger than the server accepts."""

    code = "headers_too_large"
    status = 431


class MediaTypeError(RequestError):
    """A content type or encoding that the server does not read."""

    code = "unsupported_media_type"
    status = 415


class PathError(RequestError):
    """No such address."""

    code = "not_found"
    status = 404


class ModelNotFoundError(RequestError):
    """No model of that name is served here."""

    code = "unknown_model"
    status = 404


class VersionNotFoundError(RequestError):
    """The model is served here, but not in that version."""

    code = "unknown_version"
    status = 404


class MethodError(RequestError):
    """An HTTP method that the address does not answer."""

    code = "method_not_allowed"
    status = 405


class InternalError(RequestError):
    """The server or the model failed on this request; the caller is told no more than that."""

    code = "internal_error"
    status = 500


class OverloadError(RequestError):
    """The queue is full: come back after ``Retry-After`` seconds."""

    code = "overloaded"
    status = 503


class UnrecordedError(RequestError):
    """The answer could not be put on record, so it is not given."""

    code = "journal_full"
    status = 503


class DeadlineError(RequestError):
    """The answer was not ready before its deadline."""

    code = "deadline_exceeded"
    status = 504
