//! The native QUIC engine of smbquic: one connection with one stream, without I/O.
//!
//! `quinn-proto` has the packets, streams and loss recovery, `rustls` the handshake. Datagrams and
//! the time go in, datagrams and the bytes of stream 0 come out; Python has the sockets and the
//! policy. Only public interfaces of both libraries are used.
//!
//! On Linux, the datagrams of connections whose handshakes are complete go to them without Python,
//! in its event loop (`reader`); or threads of its own have the socket and the connections of a
//! listener from then on (`io_threads`). All other datagrams go to Python.

mod addresses;
mod callbacks;
mod client_hello;
mod config;
mod connection;
#[cfg(target_os = "linux")]
mod datagrams;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod exchange;
mod framer;
mod gaps;
mod ids;
#[cfg(target_os = "linux")]
mod io_thread;
#[cfg(target_os = "linux")]
mod io_threads;
mod parameters;
mod peer;
#[cfg(target_os = "linux")]
mod reader;
mod send_queue;
mod session;
mod slow_start;
mod state;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod threaded;
mod tickets;
mod verifier;

use pyo3::prelude::*;

#[pymodule]
fn smbquic_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<config::ClientConfig>()?;
    module.add_class::<config::ServerConfig>()?;
    module.add_class::<config::Settings>()?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<tickets::Ticket>()?;
    #[cfg(target_os = "linux")]
    {
        module.add_class::<descriptors::Channel>()?;
        module.add_class::<io_threads::IoThreads>()?;
        module.add_class::<reader::DatagramReader>()?;
        module.add_class::<threaded::ThreadedConnection>()?;
    }
    Ok(())
}
