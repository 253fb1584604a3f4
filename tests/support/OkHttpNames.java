import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import okhttp3.CertificatePinner;
import okhttp3.HttpUrl;

/** OkHttp's own answers: a line is a pattern and a host with a tab between them, both as UTF-8 in hex. */
class OkHttpNames {
    private static final String PIN = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    private static String answer(String pattern, String host) {
        try {
            CertificatePinner pinner = new CertificatePinner.Builder().add(pattern, PIN).build();
            HttpUrl url = HttpUrl.get("https://" + (host.contains(":") ? "[" + host + "]" : host) + "/");
            return pinner.findMatchingPins(url.host()).isEmpty() ? "not pinned" : "pinned";
        } catch (IllegalArgumentException refused) {
            return "throws";
        }
    }

    private static String text(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int at = 0; at < bytes.length; at++)
            bytes[at] = (byte) Integer.parseInt(hex.substring(2 * at, 2 * at + 2), 16);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] parts = line.split("\t", -1);
            System.out.println(answer(text(parts[0]), text(parts[1])));
        }
    }
}
