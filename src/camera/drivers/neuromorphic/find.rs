//! Finds the cameras on USB without opening any other device.

use super::model::Model;
use crate::camera::DeviceError;
use crate::camera::host_check::udev_command;
use neuromorphic_drivers::rusb::{self, UsbContext};
use neuromorphic_drivers::{
    Identifier, Location, UsbDevice, centuryarks_vga, inivation_davis346, inivation_dvxplorer,
    prophesee_evk3_hd, prophesee_evk4,
};

/// Where a camera is connected, if it is. Only devices with the identifiers of the model are opened,
/// and those that another program uses are left alone.
pub(super) fn locate<D: UsbDevice>(
    context: &rusb::Context,
    model: Model,
    serial: Option<&str>,
) -> Result<Option<Identifier<'static>>, DeviceError> {
    let devices = context
        .devices()
        .map_err(|e| DeviceError::NotFound(format!("USB devices cannot be listed: {e}")))?;
    let mut problem = None;
    for device in devices.iter().filter(|device| has_ids(device, model)) {
        match serial_number::<D>(&device) {
            Ok(Some(found)) if serial.is_none_or(|wanted| wanted == found) => {
                return Ok(Some(Identifier::Location(Location::BusNumberAndAddress {
                    bus_number: device.bus_number(),
                    address: device.address(),
                })));
            }
            Ok(_) => {}
            Err(why) => problem = Some(format!("{}: {why}", model.name())),
        }
    }
    problem.map_or(Ok(None), |why| Err(DeviceError::NotFound(why)))
}

fn has_ids(device: &rusb::Device<rusb::Context>, model: Model) -> bool {
    let descriptor = device.device_descriptor();
    descriptor.is_ok_and(|d| model.usb_ids().contains(&(d.vendor_id(), d.product_id())))
}

/// Reads the serial number of a device; `None` if it is of another type with the same identifiers.
fn serial_number<D: UsbDevice>(
    device: &rusb::Device<rusb::Context>,
) -> Result<Option<String>, String> {
    let mut handle = device.open().map_err(|e| explain(&e))?;
    D::read_serial(&mut handle).map_err(|e| explain(&e))
}

fn explain(error: &rusb::Error) -> String {
    match error {
        rusb::Error::Access => {
            let rule = udev_command();
            format!("no permission; install the udev rule: {rule}, then plug it in again")
        }
        rusb::Error::Busy => "another program uses it; close that program".into(),
        other => format!("it does not answer ({other}); unplug it and plug it in again"),
    }
}

/// A camera on USB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its model.
    pub model: Model,
    /// Its serial number, empty if it could not be read.
    pub serial: String,
    /// Why it cannot be opened, and what to do.
    pub problem: Option<String>,
}

/// Lists the cameras on USB. Those that are in use are reported as such, and not disturbed.
///
/// # Errors
/// USB cannot be used at all.
pub fn list() -> Result<Vec<Found>, DeviceError> {
    let unusable = |e: rusb::Error| DeviceError::NotFound(format!("USB cannot be used: {e}"));
    let context = rusb::Context::new().map_err(unusable)?;
    let devices = context.devices().map_err(unusable)?;
    let mut found = Vec::new();
    for device in devices.iter() {
        for model in Model::ALL.into_iter().filter(|model| has_ids(&device, *model)) {
            let serial = match model {
                Model::Evk3Hd => serial_number::<prophesee_evk3_hd::Device>(&device),
                Model::Evk4 | Model::SilkyEvCamHd | Model::Ueye => {
                    serial_number::<prophesee_evk4::Device>(&device)
                }
                Model::SilkyEvCamVga => serial_number::<centuryarks_vga::Device>(&device),
                Model::Dvxplorer => serial_number::<inivation_dvxplorer::Device>(&device),
                Model::Davis346 => serial_number::<inivation_davis346::Device>(&device),
            };
            match serial {
                Ok(Some(serial)) => found.push(Found { model, serial, problem: None }),
                Ok(None) => {}
                // The EVK4 has the same identifiers, and so may quite another device.
                Err(_) if model == Model::Evk3Hd => {}
                Err(why) if model == Model::Evk4 => {
                    let why = format!("{why} (perhaps another device with the same USB chip)");
                    found.push(Found { model, serial: String::new(), problem: Some(why) });
                }
                Err(why) => found.push(Found { model, serial: String::new(), problem: Some(why) }),
            }
        }
    }
    Ok(found)
}
