//! Binding ports, with errors that name the setting.
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// Connections waiting to be accepted. 1,024: a thousand viewers that reconnect at once after a restart.
const BACKLOG: i32 = 1024;

/// A port could not be had. The configuration's fault, or another program's.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error(
        "port {port} ({setting}) is in use by another program: end that, or set {setting} to another port, or to \"\" to switch this listener off"
    )]
    InUse {
        /// The port.
        port: u16,
        /// The setting, such as `rtmp.listen`.
        setting: &'static str,
    },
    /// Another reason.
    #[error("cannot listen on {address} ({setting}): {error}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The setting, such as `rtmp.listen`.
        setting: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// Words what the system said about an address of a setting.
pub fn error(address: SocketAddr, setting: &'static str, error: io::Error) -> BindError {
    if error.kind() == io::ErrorKind::AddrInUse {
        return BindError::InUse { port: address.port(), setting };
    }
    BindError::Other { address, setting, error }
}

/// Binds and listens; the socket is non-blocking.
pub fn tcp(address: SocketAddr, setting: &'static str) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted server gets its port back at once.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() && address.ip().is_unspecified() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    bind().map_err(|e| error(address, setting, e))
}

/// Binds a UDP socket with buffers of `buffer_bytes` each way (the system may give less); it is non-blocking.
pub fn udp(address: SocketAddr, setting: &'static str, buffer_bytes: usize) -> Result<UdpSocket, BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() && address.ip().is_unspecified() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        // Best effort: the system's maximum is below what we ask for on many machines.
        let _ = socket.set_recv_buffer_size(buffer_bytes);
        let _ = socket.set_send_buffer_size(buffer_bytes);
        Ok(socket.into())
    };
    bind().map_err(|e| error(address, setting, e))
}
