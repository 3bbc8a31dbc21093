//! A connection to a model server that has said who it is.
//!
//! Must never: come back from a greeting that was refused.

use bytemuck::bytes_of;
use ipc::handshake::{ClientHandshake, Identity, PeerInfo, Phase};
use ipc::{Connection, FrameBuffer, PeerPolicy, Received, Sent, connect};
use std::path::Path;
use wire::handshake::Role;

/// Connects in this role.
pub(crate) fn greet(socket: &Path, role: Role) -> (Connection, FrameBuffer, PeerInfo) {
    let connection = connect(socket, &PeerPolicy::same_user()).unwrap();
    let me = Identity::new(role);
    let mut handshake = ClientHandshake::new(me, Role::Signal, 0, 1);
    assert_eq!(connection.try_send(bytes_of(&me.hello())), Ok(Sent::Sent));
    let mut buffer = FrameBuffer::new();
    loop {
        match connection.try_recv(&mut buffer).unwrap() {
            Received::Frame(frame) => {
                let Phase::Ready(peer) = handshake.on_frame(frame) else { panic!("refused") };
                return (connection, buffer, peer);
            }
            Received::WouldBlock => std::thread::yield_now(),
            Received::Closed => panic!("the server closed the connection"),
        }
    }
}
