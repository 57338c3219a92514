//! The kernels in the forms in which a driver loads them.

use super::error_text::text;
use crate::panics::Locked;
use cudarc::driver::{CudaContext, CudaModule, DriverError};
use cudarc::nvrtc::Ptx;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::sync::{Arc, Mutex, Weak};

/// Environment variable that names a module to load instead of the built-in one: a cubin or PTX
/// file, to try a variant of the kernels without building the program.
pub(super) const MODULE_VARIABLE: &str = "GEM_LIVE_CUBIN";

/// Machine code by compute capability. A capability runs code of the same major number and a minor
/// number that is not larger (CUDA C++ Programming Guide, "Binary Compatibility").
const CUBINS: [Cubin; 6] = [
    ((7, 5), include_bytes!("../../../kernels/cubin/san_75.cubin.gz")),
    ((8, 0), include_bytes!("../../../kernels/cubin/san_80.cubin.gz")),
    ((8, 6), include_bytes!("../../../kernels/cubin/san_86.cubin.gz")),
    ((8, 9), include_bytes!("../../../kernels/cubin/san_89.cubin.gz")),
    ((9, 0), include_bytes!("../../../kernels/cubin/san_90.cubin.gz")),
    ((12, 0), include_bytes!("../../../kernels/cubin/san_120.cubin.gz")),
];

/// The same for GeForce cards, which add up in half precision twice as fast as in single precision;
/// other cards of their generations do not.
const GEFORCE_CUBINS: [Cubin; 3] = [
    ((8, 6), include_bytes!("../../../kernels/cubin/san_86_geforce.cubin.gz")),
    ((8, 9), include_bytes!("../../../kernels/cubin/san_89_geforce.cubin.gz")),
    ((12, 0), include_bytes!("../../../kernels/cubin/san_120_geforce.cubin.gz")),
];

/// CUDA version of the first drivers that understand PTX 8.1 (530 and newer).
const PTX_81_DRIVER: i32 = 12_010;

/// A compute capability and its packed machine code.
type Cubin = ((i32, i32), &'static [u8]);

/// Why the kernels cannot be loaded.
pub(super) enum ModuleError {
    /// The driver refuses them.
    Driver(DriverError),
    /// The file that [`MODULE_VARIABLE`] names cannot be used.
    File(String),
}

impl From<DriverError> for ModuleError {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

/// Index of a device, and the file that [`MODULE_VARIABLE`] names.
type Origin = (usize, Option<OsString>);

/// Modules that engines of this process use.
static LOADED: Mutex<Vec<(Origin, Weak<CudaModule>)>> = Mutex::new(Vec::new());

/// The kernels for a device, which all engines on it share: see [`load_anew`].
pub(super) fn load(
    context: &Arc<CudaContext>,
    capability: (i32, i32),
    device: &str,
    driver_version: i32,
) -> Result<Arc<CudaModule>, ModuleError> {
    let origin = (context.ordinal(), std::env::var_os(MODULE_VARIABLE));
    let mut loaded = LOADED.locked();
    loaded.retain(|(_, module)| module.strong_count() > 0);
    let same = loaded.iter().find(|(other, _)| *other == origin);
    if let Some(module) = same.and_then(|(_, module)| module.upgrade()) {
        return Ok(module);
    }
    let module = load_anew(context, capability, device, driver_version, origin.1.as_deref())?;
    loaded.push((origin, Arc::downgrade(&module)));
    Ok(module)
}

/// Loads the kernels: machine code for the device if there is some that the driver accepts,
/// otherwise PTX, which the driver compiles. That takes seconds after every driver update, and
/// needs the driver's compiler library, which minimal containers lack.
fn load_anew(
    context: &Arc<CudaContext>,
    capability: (i32, i32),
    device: &str,
    driver_version: i32,
    path: Option<&OsStr>,
) -> Result<Arc<CudaModule>, ModuleError> {
    if let Some(path) = path {
        let name = path.to_string_lossy().into_owned();
        let file = |why: String| ModuleError::File(format!("{MODULE_VARIABLE}={name}: {why}"));
        let mut bytes = std::fs::read(path).map_err(|e| file(e.to_string()))?;
        // PTX is text that ends with a zero; a cubin ignores it.
        bytes.push(0);
        let module = context.load_module(Ptx::from_binary(bytes));
        return module.map_err(|e| file(text(e)));
    }
    if let Some(bytes) = cubin(capability, device) {
        match context.load_module(Ptx::from_binary(bytes)) {
            Ok(module) => return Ok(module),
            Err(e) => tracing::info!("{device}: the driver refuses the machine code: {}", text(e)),
        }
    }
    tracing::info!("{device}: the driver compiles the kernels, which may take some seconds");
    let module = context.load_module(Ptx::from_src(ptx(capability, driver_version)));
    module.map_err(ModuleError::Driver)
}

/// The machine code that a device of this capability and name runs.
fn cubin((major, minor): (i32, i32), device: &str) -> Option<Vec<u8>> {
    let fits = |c: &&Cubin| c.0.0 == major && c.0.1 <= minor;
    let newest = |all: &'static [Cubin]| all.iter().filter(fits).max_by_key(|c| c.0.1);
    let geforce = if device.contains("GeForce") { newest(&GEFORCE_CUBINS) } else { None };
    let (_, packed) = geforce.or_else(|| newest(&CUBINS))?;
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(*packed).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// PTX for a device and the CUDA version of its driver. Ampere and newer use deeper products, and
/// with PTX 8.1 convert numbers and hold them within their range in one instruction.
fn ptx(capability: (i32, i32), driver_version: i32) -> String {
    let packed: &[u8] = if capability < (8, 0) {
        include_bytes!("../../../kernels/ptx/san_75.ptx.gz")
    } else if driver_version < PTX_81_DRIVER {
        include_bytes!("../../../kernels/ptx/san_80.ptx.gz")
    } else {
        include_bytes!("../../../kernels/ptx/san_80_ptx81.ptx.gz")
    };
    let mut text = String::new();
    // A damaged file would have failed the build's checks; the driver refuses an empty text.
    let _ = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_driver_gets_ptx_that_it_understands() {
        for (capability, driver_version, version, target) in [
            ((7, 5), 12_080, "8.0", "sm_75"),
            ((8, 0), 12_000, "8.0", "sm_80"),
            ((9, 0), 12_009, "8.0", "sm_80"),
            ((9, 0), 12_010, "8.1", "sm_80"),
            ((10, 0), 13_000, "8.1", "sm_80"),
        ] {
            let text = ptx(capability, driver_version);
            let line = |start: &str| {
                let found = text.lines().find_map(|l| l.strip_prefix(start));
                found.map(str::trim).unwrap_or_default().to_owned()
            };
            assert_eq!((line(".version").as_str(), line(".target").as_str()), (version, target));
            // The conversion that only PTX 8.1 has.
            assert_eq!(text.contains(".satfinite."), version == "8.1", "{capability:?}");
        }
    }

    #[test]
    fn every_device_gets_machine_code_of_its_generation() {
        // An ELF header names the architecture in its flags, from offset 48: in the first byte, or
        // in the second one since the format of CUDA 12.8.
        let sm = |elf: &Vec<u8>| u32::from(elf[48].max(elf[49]));
        for (capability, wanted) in [
            ((7, 5), Some(75)),
            ((8, 0), Some(80)),
            ((8, 6), Some(86)),
            ((8, 7), Some(86)),
            ((8, 9), Some(89)),
            ((9, 0), Some(90)),
            ((12, 0), Some(120)),
            ((12, 1), Some(120)),
            // Blackwell for data centres and what comes later: PTX.
            ((10, 0), None),
            ((13, 0), None),
        ] {
            let code = cubin(capability, "NVIDIA RTX 6000");
            assert_eq!(code.as_ref().map(sm), wanted, "{capability:?}");
            let geforce = cubin(capability, "NVIDIA GeForce RTX 4060");
            assert_eq!(geforce.as_ref().map(sm), wanted, "{capability:?}");
            let special = wanted.is_some_and(|sm| [86, 89, 120].contains(&sm));
            assert_eq!(geforce != code, special, "{capability:?}");
        }
    }
}
