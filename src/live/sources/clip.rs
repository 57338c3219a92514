//! The clip in the program. It is not a camera: `open_source` plays it without a rig.

use super::super::source_kind::{OpenError, SourceKind, no_argument};

pub(super) static KIND: SourceKind = SourceKind {
    name: "clip",
    aliases: &[],
    spellings: "clip",
    has_events: true,
    check: no_argument,
    open: |request| Err(OpenError::NotACamera(request.name.clone())),
};
