# The public application's hashing service, as a peer for tests: Sinatra, many requests at once. Started by puma.

require "digest"
require "sinatra/base"
require "socket"

class Hasher < Sinatra::Base
  DELAY = Float(ENV.fetch("DELAY", "0.1"))

  before { content_type "text/plain" }

  get("/") { "HASHER running on #{Socket.gethostname}\n" }

  post "/" do
    sleep DELAY
    Digest::SHA256.hexdigest(request.body.read)
  end
end

run Hasher
