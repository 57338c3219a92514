//! A rendered loop at a given rate, to measure the throughput of the live path.

use super::super::CameraChoice;
use super::super::source_kind::{OpenError, SourceKind};
use crate::camera::StreamSettings;
use crate::simulate::load_generator::{Load, LoadModel};
use std::time::Duration;

/// Rendering the loop at full size takes a while.
const OPEN_TIMEOUT: Duration = Duration::from_secs(300);

pub(super) static KIND: SourceKind = SourceKind {
    name: "loadgen",
    aliases: &["load"],
    spellings: "loadgen:SIZE@FRAMES,EVENTS",
    has_events: true,
    check: |argument| {
        let model: LoadModel = argument.unwrap_or_default().parse()?;
        Ok(Some(model.to_string()))
    },
    open: |request| {
        let model: LoadModel =
            request.text().unwrap_or_default().parse().map_err(OpenError::Argument)?;
        let settings = StreamSettings { open_stall: OPEN_TIMEOUT, ..StreamSettings::default() };
        Ok(CameraChoice { settings, ..CameraChoice::new(Load::new(model)) })
    },
};
