//! Descriptors that pass between Python and a thread, without `unsafe`.

use std::io::{IoSliceMut, Result};
use std::net::UdpSocket;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Wakes whoever polls its descriptor (eventfd).
pub struct Wake(pub OwnedFd);

impl Wake {
    pub fn new() -> Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub fn wake(&self) {
        // A counter that is full wakes, too.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Wait again for the next call of `wake`.
    pub fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    /// Return another descriptor of the same, which Python has to close.
    pub fn descriptor(&self) -> Result<i32> {
        Ok(self.0.try_clone()?.into_raw_fd())
    }
}

/// A way by which Python hands over a socket: the kernel makes a descriptor of our own for it.
#[pyclass(frozen)]
pub struct Channel(Mutex<UnixDatagram>);

#[pymethods]
impl Channel {
    /// Return a channel, and the descriptor of its other end, which Python has to close.
    #[staticmethod]
    fn open() -> PyResult<(Self, i32)> {
        let (here, there) = UnixDatagram::pair()?;
        Ok((Self(Mutex::new(here)), OwnedFd::from(there).into_raw_fd()))
    }
}

impl Channel {
    /// Return the socket that Python has sent.
    pub fn socket(&self) -> PyResult<UdpSocket> {
        let channel = self.0.lock().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let mut space = [0; rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        recvmsg(&*channel, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)
            .map_err(std::io::Error::from)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                if let Some(descriptor) = descriptors.next() {
                    return Ok(UdpSocket::from(descriptor));
                }
            }
        }
        Err(PyOSError::new_err("no socket was sent"))
    }
}
