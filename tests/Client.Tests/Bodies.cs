using System.Net;
using System.Text;

namespace PresenceLedger.Client.Tests;

/// <summary>Answers of a service that is not there.</summary>
internal static class Bodies
{
    /// <summary>An event of a stream.</summary>
    public static string Told(string name, string json) => $"event: {name}\ndata: {json}\n\n";

    public static HttpResponseMessage Json(string json) => new(HttpStatusCode.OK) { Content = new StringContent(json) };

    /// <summary>A stream that tells this, and then ends or stays open.</summary>
    public static HttpResponseMessage Events(string text, bool open)
    {
        Stream body = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(open ? new Open(body) : body) };
    }

    /// <summary>A body that breaks off after so many bytes.</summary>
    public sealed class Breaking(Stream body, int bytes) : Body(body)
    {
        private int _left = bytes;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left == 0)
                throw new IOException("The stream breaks off.");
            var read = await Of.ReadAsync(buffer[..Math.Min(buffer.Length, _left)], cancellationToken);
            _left -= read;
            return read;
        }
    }

    /// <summary>A body that does not end, though nothing comes any more.</summary>
    public sealed class Open(Stream body) : Body(body)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await Of.ReadAsync(buffer, cancellationToken);
            if (read == 0)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            return read;
        }
    }

    public abstract class Body(Stream of) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        protected Stream Of => of;

        public override void Flush() { }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                of.Dispose();
            base.Dispose(disposing);
        }
    }
}
