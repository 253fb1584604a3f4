# An adapter whose sockets stay open when OpenSSL refuses the chain by an alert: Ruby closes them for nobody.
require 'json'
require 'openssl'
require 'socket'

$kept = []

def attempt(target)
  raw = TCPSocket.new(target['host'], target['port'])
  $kept << raw
  context = OpenSSL::SSL::SSLContext.new
  context.set_params(verify_mode: OpenSSL::SSL::VERIFY_PEER, ca_file: target['trust_file'])
  connection = OpenSSL::SSL::SSLSocket.new(raw, context)
  connection.hostname = target['host']
  connection.connect
  connection.post_connection_check(target['host'])
  pin = [OpenSSL::Digest::SHA256.digest(connection.peer_cert.public_key.public_to_der)].pack('m0')
  return { result: 'refused', error: 'pin mismatch' } unless target['pins'][0]['values'].include?(pin)

  connection.write("GET #{target['path']} HTTP/1.1\r\nHost: #{target['host']}\r\n\r\n")
  answer = connection.read
  connection.close
  raw.close
  { result: 'accepted', body: answer }
rescue OpenSSL::SSL::SSLError => error
  { result: 'refused', error: error.message }
end

$stdout.sync = true
$stdin.each_line do |line|
  message = JSON.parse(line)
  next if message.key?('end_session')

  puts JSON.generate({ id: message['id'] }.merge(attempt(message)))
end
