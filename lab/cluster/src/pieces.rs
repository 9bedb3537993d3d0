//! What is read, in pieces, as the engine's API wants it.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Most bytes of one piece.
const SIZE: usize = 1 << 18;

/// Everything that comes, up to its end or the first error.
pub fn pieces<R: AsyncRead + Unpin + Send + 'static>(from: R) -> impl Stream<Item = io::Result<Bytes>> + Send {
    futures_util::stream::try_unfold(from, |mut from| async move {
        let mut piece = vec![0; SIZE];
        let read = from.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (piece.into(), from)))
    })
}
