//! The simulated rig.

use super::super::CameraChoice;
use super::super::source_kind::{OpenError, SourceKind};
use crate::simulate::sim_camera::Sim;
use crate::simulate::sim_name::SimName;

pub(super) static KIND: SourceKind = SourceKind {
    name: "sim",
    aliases: &[],
    spellings: "sim, sim:WIDTHxHEIGHT, sim:WIDTHxHEIGHT@FRAMES",
    has_events: true,
    check: |argument| {
        let which = argument.map_or_else(|| Ok(SimName::small()), str::parse::<SimName>)?;
        Ok(Some(which.to_string()))
    },
    open: |request| {
        let which: SimName =
            request.text().unwrap_or_default().parse().map_err(OpenError::Argument)?;
        Ok(CameraChoice::new(Sim::new(which.model(), true)))
    },
};
