//! The kernel's video devices.

use super::abi::Request;
use super::node::{Mapping, OutputNode, VideoNode, VideoNodes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use rustix::mm::{MapFlags, ProtFlags};
use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// What the kernel knows of video devices.
const CLASS: &str = "/sys/class/video4linux";
/// Whether uvcvideo computes timestamps from the camera's clock.
const CAMERA_TIMESTAMPS: &str = "/sys/module/uvcvideo/parameters/hwtimestamps";

/// The devices `/dev/videoN`.
pub(super) struct Kernel {}

impl VideoNodes for Kernel {
    fn indices(&self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir("/dev") else { return Vec::new() };
        let index = |entry: std::fs::DirEntry| {
            entry.file_name().to_str()?.strip_prefix("video")?.parse().ok()
        };
        let mut indices: Vec<u32> = entries.flatten().filter_map(index).collect();
        indices.sort_unstable();
        indices
    }

    fn name(&self, index: u32) -> Option<String> {
        let file = Path::new(CLASS).join(format!("video{index}")).join("name");
        Some(std::fs::read_to_string(file).ok()?.trim().to_owned())
    }

    fn open(&self, index: u32) -> io::Result<Box<dyn VideoNode>> {
        Ok(Box::new(open(Path::new(&format!("/dev/video{index}")))?))
    }

    fn has_camera_timestamps(&self) -> bool {
        let set = std::fs::read_to_string(CAMERA_TIMESTAMPS);
        set.is_ok_and(|value| !matches!(value.trim(), "" | "0" | "N"))
    }
}

/// Opens a device to write pictures to it.
pub(super) fn open_output(path: &Path) -> io::Result<Box<dyn OutputNode>> {
    Ok(Box::new(open(path)?))
}

fn open(path: &Path) -> io::Result<Node> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(Node { file: rustix::fs::open(path, flags, Mode::empty())? })
}

/// An open device. Only this module's parents use it, with structures that contain no pointers.
struct Node {
    file: OwnedFd,
}

/// A request with the memory of its structure.
struct Call {
    code: Opcode,
    argument: *mut c_void,
}

// SAFETY: `argument` points to as many bytes as the code states, which the kernel may read and
// write (checked in `Node::call`); there is no other output.
unsafe impl Ioctl for Call {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.code
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

impl VideoNode for Node {
    fn call(&self, request: Request, argument: &mut [u8]) -> io::Result<()> {
        let (code, bytes) = request.opcode_and_size();
        if argument.len() != bytes {
            return Err(Errno::INVAL.into());
        }
        loop {
            let call = Call { code, argument: argument.as_mut_ptr().cast() };
            // SAFETY: the structure has the size that the kernel's documentation gives for this
            // request, and contains no pointer that the kernel follows: the buffers' memory is
            // the kernel's own.
            match unsafe { rustix::ioctl::ioctl(&self.file, call) } {
                Err(Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn map(&self, offset: u32, bytes: usize) -> io::Result<Box<dyn Mapping>> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                protection,
                MapFlags::SHARED,
                &self.file,
                u64::from(offset),
            )?
        };
        Ok(Box::new(Mapped { start, bytes }))
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(timeout).map_err(|_| Errno::INVAL)?;
        let mut files = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut files, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

impl OutputNode for Node {
    fn call(&self, request: Request, argument: &mut [u8]) -> io::Result<()> {
        VideoNode::call(self, request, argument)
    }

    fn write(&mut self, picture: &[u8]) -> io::Result<()> {
        loop {
            match rustix::io::write(&self.file, picture) {
                Err(Errno::INTR) => {}
                // A device takes a whole picture at once, or none of it.
                other => return Ok(other.map(drop)?),
            }
        }
    }
}

/// A mapped buffer.
struct Mapped {
    start: *mut c_void,
    bytes: usize,
}

impl Mapping for Mapped {
    fn copy_to(&self, bytes: usize, out: &mut Vec<u8>) {
        let bytes = bytes.min(self.bytes);
        out.reserve(bytes);
        let end = out.len();
        // SAFETY: the mapping has at least this many bytes until it is dropped, and the driver does
        // not write to a buffer between its dequeuing and queuing, when this is called. The
        // vector has room for them, and they are initialised afterwards.
        unsafe {
            let free = out.as_mut_ptr().add(end);
            std::ptr::copy_nonoverlapping(self.start.cast::<u8>(), free, bytes);
            out.set_len(end + bytes);
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length, and not used again.
        let unmapped = unsafe { rustix::mm::munmap(self.start, self.bytes) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}
