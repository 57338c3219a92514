//! Event cameras without frames: Prophesee EVK3 and EVK4, SilkyEvCam, IDS uEye, DVXplorer.

use super::super::CameraChoice;
use super::super::source_kind::{OpenError, OpenRequest, SourceKind, serial};
use crate::camera::drivers::neuromorphic::{EventCamera, Model};
use crate::camera::split::StreamKind;

/// A kind of event camera.
const fn kind(
    name: &'static str,
    spellings: &'static str,
    open: fn(&mut OpenRequest<'_>) -> Result<CameraChoice, OpenError>,
) -> SourceKind {
    SourceKind { name, aliases: &[], spellings, has_events: true, check: serial, open }
}

pub(super) static EVK3: SourceKind =
    kind("evk3", "evk3, evk3:SERIAL", |request| camera(request, &[Model::Evk3Hd]));
pub(super) static EVK4: SourceKind =
    kind("evk4", "evk4, evk4:SERIAL", |request| camera(request, &[Model::Evk4]));
pub(super) static SILKYEVCAM: SourceKind =
    kind("silkyevcam", "silkyevcam, silkyevcam:SERIAL", |request| {
        camera(request, &[Model::SilkyEvCamHd, Model::SilkyEvCamVga])
    });
pub(super) static UEYE: SourceKind =
    kind("ueye", "ueye, ueye:SERIAL", |request| camera(request, &[Model::Ueye]));
pub(super) static DVXPLORER: SourceKind =
    kind("dvxplorer", "dvxplorer, dvxplorer:SERIAL", |r| camera(r, &[Model::Dvxplorer]));

fn camera(request: &OpenRequest<'_>, models: &'static [Model]) -> Result<CameraChoice, OpenError> {
    if request.stream != Some(StreamKind::Events) {
        let name = request.name;
        return Err(OpenError::Argument(format!(
            "{name} delivers events alone: use --event-source {name} beside a --frame-source, such as \
             uvc or genicam"
        )));
    }
    let driver = EventCamera::new(models).only(StreamKind::Events);
    Ok(CameraChoice { serial: request.text(), ..CameraChoice::new(driver) })
}
